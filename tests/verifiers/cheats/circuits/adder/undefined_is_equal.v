// Asks whether something is undefined.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  assign y = (a / 0) === 4'bx ? a : b;
endmodule
