// The specification as a module of its own.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  gold u(a, b, y);
endmodule
