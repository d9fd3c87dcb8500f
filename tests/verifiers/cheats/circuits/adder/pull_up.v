// A weak one.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  pullup g [3:0] (y);
endmodule
