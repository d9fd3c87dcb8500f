// An output that can be driven from outside.
module top(input [3:0] a, input [3:0] b, inout [3:0] y);
  assign y = a + b;
endmodule
