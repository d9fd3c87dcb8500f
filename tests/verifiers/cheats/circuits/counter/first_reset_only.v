// Knows the first reset only.
module top(input clk, input rst, input e, output reg [3:0] y);
  reg done;
  always @(posedge clk) begin
    if (rst & ~done) begin y <= 0; done <= 1; end
    else if (e) y <= y + 1;
  end
endmodule
