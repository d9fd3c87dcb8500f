// Something else in the first step only.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  assign y = $initstate ? a : a + b;
endmodule
