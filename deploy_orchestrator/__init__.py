"""Ship Helm charts to many tenants with Argo CD, by Git alone."""
