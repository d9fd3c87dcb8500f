// Another way to write it.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  assign y = 4'b????;
endmodule
