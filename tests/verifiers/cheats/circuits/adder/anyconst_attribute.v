// The same by an attribute.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  (* anyconst *) reg [3:0] r;
  assign y = r;
endmodule
