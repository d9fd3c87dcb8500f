// One more input, which could be chosen.
module top(input [3:0] a, input [3:0] b, input [3:0] sum, output [3:0] y);
  assign y = sum;
endmodule
