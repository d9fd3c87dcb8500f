// Without an input.
module top(input [3:0] a, output [3:0] y);
  assign y = a;
endmodule
