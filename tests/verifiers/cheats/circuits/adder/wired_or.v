// A net that any number may drive.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  wor [3:0] t;
  assign t = a;
  assign t = b;
  assign y = t;
endmodule
