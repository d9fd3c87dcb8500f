// A cover statement.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  assign y = a;
  always @* cover(a == b);
endmodule
