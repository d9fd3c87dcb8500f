// A value of another step.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  assign y = $past(a) + b;
endmodule
