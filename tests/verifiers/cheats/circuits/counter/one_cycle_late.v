// One cycle late.
module top(input clk, input rst, input e, output reg [3:0] y);
  reg f;
  always @(posedge clk) begin
    f <= e & ~rst;
    if (rst) y <= 0; else if (f) y <= y + 1;
  end
endmodule
