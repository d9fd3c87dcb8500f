// Right but for one input in 256.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  assign y = (a == 4'd9 && b == 4'd6) ? 4'd0 : a + b;
endmodule
