// A net of the power supply.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  supply1 [3:0] t;
  assign y = t;
endmodule
