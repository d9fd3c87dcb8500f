// Undefined while it waits.
module top(input clk, input rst, input e, output reg [3:0] y);
  always @(posedge clk) if (rst) y <= 0; else y <= e ? y + 1 : 4'bx;
endmodule
