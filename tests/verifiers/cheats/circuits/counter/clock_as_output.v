// Hands the clock on.
module top(input clk, input rst, input e, output [3:0] y);
  assign y = {4{clk}};
endmodule
