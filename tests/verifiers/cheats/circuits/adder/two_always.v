// Two answers from two processes.
module top(input [3:0] a, input [3:0] b, output reg [3:0] y);
  always @* y = a;
  always @* y = a + b;
endmodule
