// SPDX-License-Identifier: MIT
// The filters of the summary.  They hide rows of the table and, with them, the
// sections below and the lines of the contents.  Without scripts the page shows
// everything.
(function () {
	'use strict';
	var form = document.getElementById('_filter');
	var count = document.getElementById('_count');
	var rows = document.querySelectorAll('#_verdicts tr[data-name]');
	var groups = document.querySelectorAll('section.group, #_verdicts tbody, #_contents ul ul');
	var tallies = document.querySelectorAll('.tally button');
	var contents = document.querySelector('#_contents details');
	var narrow = matchMedia('(max-width:75rem)');

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
			document.querySelector('#_contents [data-name="' + row.dataset.name + '"]').hidden = !yes;
			shown += yes ? 1 : 0;
		});
		groups.forEach(function (group) {
			group.hidden = !group.querySelector('.trial:not([hidden]), [data-name]:not([hidden])');
		});
		tallies.forEach(function (tally) {
			tally.setAttribute('aria-pressed', tally.dataset.verdict === form.verdict.value);
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
	// A tally shows its verdict, and once more all.
	tallies.forEach(function (tally) {
		tally.disabled = false;
		tally.addEventListener('click', function () {
			form.verdict.value = tally.dataset.verdict === form.verdict.value ? '' : tally.dataset.verdict;
			filter();
			document.getElementById('_summary').scrollIntoView();
		});
	});
	// On a narrow screen the contents are opened for one link.
	function fold() { contents.open = !narrow.matches; }
	narrow.addEventListener('change', fold);
	contents.addEventListener('click', function (event) { if (event.target.closest('a')) fold(); });
	// They say which experiment is in view.
	var seen = new IntersectionObserver(function (entries) {
		entries.forEach(function (entry) {
			var link = document.querySelector('#_contents [data-name="' + entry.target.id + '"] a');
			if (!entry.isIntersecting) return link.removeAttribute('aria-current');
			link.setAttribute('aria-current', 'true');
			var nav = contents.parentNode, above = link.offsetTop - nav.scrollTop;
			if (above < 0 || above > nav.clientHeight - 40) nav.scrollTop = link.offsetTop - nav.clientHeight / 2;
		});
	}, {rootMargin: '-20% 0px -80% 0px'});
	document.querySelectorAll('.trial').forEach(function (trial) { seen.observe(trial); });
	// On paper nothing can be opened.
	window.addEventListener('beforeprint', function () {
		document.querySelectorAll('details.arms').forEach(function (each) { each.open = true; });
	});
	fold();
	filter();
}());
