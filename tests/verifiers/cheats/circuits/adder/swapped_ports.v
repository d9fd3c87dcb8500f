// The same ports in another order.
module top(output [3:0] y, input [3:0] a, input [3:0] b);
  assign y = a + b;
endmodule
