// A function in C.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  import "DPI-C" function int system(string s);
  assign y = a;
endmodule
