// A case that matches undefined bits.
module top(input [3:0] a, input [3:0] b, output reg [3:0] y);
  always @* casex (a)
    default: y = a;
  endcase
endmodule
