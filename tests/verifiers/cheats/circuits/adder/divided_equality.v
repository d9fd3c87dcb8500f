// Makes an undefined value a defined one.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  assign y = ((a / b) === (a / b)) ? a + b : 0;
endmodule
