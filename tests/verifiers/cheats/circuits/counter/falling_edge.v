// The other edge.
module top(input clk, input rst, input e, output reg [3:0] y);
  always @(negedge clk) if (rst) y <= 0; else if (e) y <= y + 1;
endmodule
