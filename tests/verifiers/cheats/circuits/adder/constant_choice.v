// The same by a checker's keyword.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  rand const reg [3:0] r;
  assign y = r;
endmodule
