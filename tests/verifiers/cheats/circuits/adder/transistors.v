// A switch instead of a gate.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  nmos g [3:0] (y, a, b);
endmodule
