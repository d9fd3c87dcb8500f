// The module twice; the second one may win.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  assign y = a;
endmodule
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  assign y = b;
endmodule
