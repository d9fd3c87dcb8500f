// Does not wait for the clock.
module top(input clk, input rst, input e, output reg [3:0] y);
  always @(posedge clk or posedge rst) if (rst) y <= 0; else if (e) y <= y + 1;
endmodule
