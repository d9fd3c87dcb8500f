// A net that keeps whatever the solver wants.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  assign y = y;
endmodule
