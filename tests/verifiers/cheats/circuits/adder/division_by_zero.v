// An undefined value from defined ones.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  assign y = (a + b) / (a ^ a);
endmodule
