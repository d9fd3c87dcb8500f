// Undefined until the first count.
module top(input clk, input rst, input e, output reg [3:0] y);
  always @(posedge clk) if (rst) y <= 4'd0 / (e & ~e); else if (e) y <= y + 1;
endmodule
