// Clocked by an input.
module top(input clk, input rst, input e, output reg [3:0] y);
  always @(posedge e) if (rst) y <= 0; else y <= y + 1;
endmodule
