// A weak driver below a strong one.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  assign (weak0, weak1) y = a + b;
  assign y = a;
endmodule
