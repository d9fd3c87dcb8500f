// The same in a comment that some tools read.
module top(input [3:0] a, input [3:0] b, output reg [3:0] y);
  always @* case (a) // synopsys full_case
    4'd0: y = b;
  endcase
endmodule
