// A function that sometimes returns nothing.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  function [3:0] f(input [3:0] p, input [3:0] q);
    if (p == 0) f = q;
  endfunction
  assign y = f(a, b);
endmodule
