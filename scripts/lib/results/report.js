// SPDX-License-Identifier: MIT
// The filters of the summary.  They hide rows of the table and, with them, the
// sections below.  Without scripts the page shows everything.
(function () {
	'use strict';
	var form = document.getElementById('filter');
	var count = document.getElementById('count');
	var rows = document.querySelectorAll('#verdicts tbody tr');
	var groups = document.querySelectorAll('section.group');

	function matches(row) {
		var words = form.find.value.toLowerCase().split(/\s+/);
		var text = row.textContent.toLowerCase();
		return (!form.source.value ||
			(' ' + row.dataset.sources + ' ').indexOf(' ' + form.source.value + ' ') >= 0) &&
			(!form.group.value || row.dataset.group === form.group.value) &&
			(!form.verdict.value || row.dataset.verdict === form.verdict.value) &&
			words.every(function (word) { return text.indexOf(word) >= 0; });
	}

	function filter() {
		var shown = 0;
		rows.forEach(function (row) {
			var yes = matches(row);
			row.hidden = !yes;
			document.getElementById(row.dataset.name).hidden = !yes;
			shown += yes ? 1 : 0;
		});
		groups.forEach(function (group) {
			group.hidden = !group.querySelector('section.trial:not([hidden])');
		});
		count.textContent = shown + ' of ' + rows.length + ' experiments';
	}

	// A link into the page wins over the filters.
	function reveal() {
		var target = location.hash.length > 1 &&
			document.getElementById(decodeURIComponent(location.hash.slice(1)));
		if (target && target.closest('[hidden]')) {
			form.reset();
			filter();
			target.scrollIntoView();
		}
	}

	form.hidden = false;
	form.addEventListener('input', filter);
	form.addEventListener('change', filter);
	form.addEventListener('submit', function (event) { event.preventDefault(); });
	form.addEventListener('reset', function () { setTimeout(filter); });
	window.addEventListener('hashchange', reveal);
	// On paper nothing can be opened.
	window.addEventListener('beforeprint', function () {
		document.querySelectorAll('details.arms').forEach(function (each) { each.open = true; });
	});
	filter();
}());
