// Starts anywhere.
module top(input clk, input rst, input e, output reg [3:0] y);
  always @(posedge clk) if (e) y <= y + 1;
endmodule
