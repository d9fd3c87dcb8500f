// Timing that hides a value.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  assign y = a;
  specify (a => y) = 0; endspecify
endmodule
