// The same bits in another order.
module top(input [3:0] a, input [3:0] b, output [0:3] y);
  assign y = a + b;
endmodule
