// The same by initial.
module top(input clk, input rst, input e, output reg [3:0] y);
  initial y = 0;
  always @(posedge clk) if (e) y <= y + 1;
endmodule
