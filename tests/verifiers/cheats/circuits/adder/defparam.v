// Changes a parameter from outside.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  assign y = a;
  defparam top.W = 0;
endmodule
