// An answer that comes later.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  assign #5 y = a;
endmodule
