// Patterns are accepted where casez is; not as values.
module top(input [3:0] a, input [3:0] b, output reg [3:0] y);
  always @* casez (a)
    4'b1???: y = 4'bzzzz;
    default: y = a + b;
  endcase
endmodule
