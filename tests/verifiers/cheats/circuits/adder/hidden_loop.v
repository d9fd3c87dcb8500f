// A contradiction beside the answer.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  wire t;
  assign t = ~t;
  assign y = t ? a : b;
endmodule
