// A comment in a string.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  wire [7:0] s = "/*";
  initial y = 0;
  wire [7:0] t = "*/";
  assign y = a;
endmodule
