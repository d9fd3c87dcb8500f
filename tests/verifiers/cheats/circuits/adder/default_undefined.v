// Says that it does not care in all cases but one.
module top(input [3:0] a, input [3:0] b, output reg [3:0] y);
  always @* case (a)
    4'd0: y = b;
    default: y = 4'bx;
  endcase
endmodule
