// A net that is driven sometimes.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  bufif1 g [3:0] (y, b, a);
endmodule
