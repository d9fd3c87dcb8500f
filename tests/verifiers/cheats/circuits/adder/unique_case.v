// The same by a keyword.
module top(input [3:0] a, input [3:0] b, output reg [3:0] y);
  always @* unique case (a)
    4'd0: y = b;
  endcase
endmodule
