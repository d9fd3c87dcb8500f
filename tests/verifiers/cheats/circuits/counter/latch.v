// A latch for a register.
module top(input clk, input rst, input e, output reg [3:0] y);
  always @* if (clk) y = rst ? 4'd0 : y + e;
endmodule
