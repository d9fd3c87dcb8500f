// A table of its own, with undefined entries.
primitive p(o, i);
  output o;
  input i;
  table
    0 : x;
    1 : x;
  endtable
endprimitive
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  p g [3:0] (y, a);
endmodule
