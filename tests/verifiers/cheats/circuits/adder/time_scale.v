// A directive.
`timescale 1ns/1ps
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  assign y = a;
endmodule
