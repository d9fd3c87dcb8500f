// Starts at 0 but knows no reset.
module top(input clk, input rst, input e, output reg [3:0] y = 0);
  always @(posedge clk) if (e) y <= y + 1;
endmodule
