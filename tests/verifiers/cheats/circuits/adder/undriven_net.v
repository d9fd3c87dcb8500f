// Reads a net that nothing drives.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  wire [3:0] t;
  assign y = t;
endmodule
