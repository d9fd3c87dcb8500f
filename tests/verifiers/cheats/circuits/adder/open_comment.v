// A comment that does not end.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  assign y = a + b; /*
endmodule
