# SPDX-License-Identifier: MIT
# html.awk - text for HTML and SVG; with report.awk, plot.awk and recording.awk.

# html(text): as it stands in a page, in text or in a quoted attribute.
function html(text) {
	gsub(/&/, "\\&amp;", text)
	gsub(/</, "\\&lt;", text)
	gsub(/>/, "\\&gt;", text)
	gsub(/"/, "\\&quot;", text)
	# Control characters are no HTML.
	gsub(/[\001-\010\013-\037\177]/, "?", text)
	return text
}
